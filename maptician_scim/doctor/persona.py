"""The person who is played: unusual but legal values, as they occur, for every mapped attribute."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maptician_scim.mapping import ACTIVE, AttributeMap, Mapped
from maptician_scim.protocol.schemas import ENTERPRISE_USER

Document = dict[str, Any]

FIRST, CHANGED = 0, 1
"""Which of two values: at first, and after a change."""

VALUES: dict[str, tuple[str, str]] = {
    "name.givenName": ("Jörg-André", "Zoë Marie"),
    "name.familyName": ("O'Neill-Müller", "D'Arcy Núñez"),
    "name.middleName": ("Łukasz", "Þór"),
    "name.formatted": ("Jörg-André O'Neill-Müller", "Zoë Marie D'Arcy Núñez"),
    "displayName": ("Jörg-André O'Neill-Müller", "Zoë Marie D'Arcy Núñez"),
    "nickName": ("Jögi", "Zozo"),
    "title": ("Leitung Gebäude & Arbeitsplätze (m/w/d)", "Vice President, Real Estate + Workplace"),
    "userType": ("Employee", "Contractor (external)"),
    "locale": ("de-DE", "fr-CA"),
    "preferredLanguage": ("de-DE", "fr-CA"),
    "timezone": ("Europe/Berlin", "America/Toronto"),
    "profileUrl": ("https://people.example/joerg", "https://people.example/zoe"),
    "photos.value": ("https://people.example/joerg.png", "https://people.example/zoe.png"),
    "addresses.locality": ("Garmisch-Partenkirchen", "Saint-Étienne"),
    "addresses.region": ("Oberbayern", "Auvergne-Rhône-Alpes"),
    "addresses.country": ("DE", "FR"),
    "addresses.postalCode": ("82467", "42000"),
    "addresses.streetAddress": ("Zugspitzstraße 110 ½", "12 bis, rue de l'Été"),
    "employeeNumber": ("E-004711/7", "E-004712"),
    "organization": ("Müller & Söhne GmbH + Co. KG", "Société d'Été"),
    "division": ("Région Süd/Öst", "Nörd"),
    "department": ("Facilities & Workplace (EMEA)", "Büro “Zürich”"),
    "costCenter": ("CC-0815", "CC-4711"),
}
"""By attribute and part, without schema and element: what was not thought of gets a text."""

WITHOUT_SUFFIX = frozenset({"addresses.country", "addresses.postalCode"})


@dataclass(frozen=True)
class Persona:
    """Somebody who does not exist, with a userName that nobody has."""

    user_name: str
    external_id: str

    @classmethod
    def invent(cls, domain: str) -> Persona:
        mark = secrets.token_hex(4)
        return cls(f"jo.o'neill+doctor-{mark}@{domain}", f"00udoctor{mark}")

    @property
    def renamed(self) -> Persona:
        """The same person after their userName has changed."""
        return Persona(self.user_name.replace("+doctor-", "+renamed-"), self.external_id)


def values(mapping: AttributeMap, persona: Persona, version: int = FIRST) -> dict[str, Any]:
    """A value for each line of the attribute map but ``active``, no two of them the same."""
    return {
        mapped.path.text: _value(mapping, mapped, persona, version)
        for mapped in mapping.mapped
        if mapped.path.text != ACTIVE and not mapped.is_read_only
    }


def resource(
    mapping: AttributeMap,
    persona: Persona,
    chosen: Mapping[str, Any],
    *,
    active: bool = True,
) -> Document:
    """A person as Okta's wizard app sends one, with these values of mapped attributes."""
    with_active = {**chosen, ACTIVE: active}
    document = mapping.document(
        persona.user_name,
        persona.external_id,
        mapping.initial_attributes(),
        [with_active.get(mapped.path.text) for mapped in mapping.mapped],
    )
    if not any(mapped.path.text == "displayName" for mapped in mapping.mapped):
        document["displayName"] = VALUES["displayName"][FIRST]
    extension = document.setdefault(ENTERPRISE_USER, {})
    extension.setdefault("manager", {"value": "", "displayName": ""})
    if ENTERPRISE_USER not in document["schemas"]:
        document["schemas"].append(ENTERPRISE_USER)
    # Okta sends a random one even where passwords are not synchronised.
    return document | {"groups": [], "password": secrets.token_urlsafe(12)}


def _value(mapping: AttributeMap, mapped: Mapped, persona: Persona, version: int) -> Any:
    name = _name(mapped)
    same = [other for other in mapping.mapped if _name(other) == name]
    place = same.index(mapped)
    if mapped.comparing == "boolean":
        return version == FIRST
    if name == "emails.value":
        return persona.user_name if place == 0 else f"{mapped.path.element}.{persona.user_name}"
    if name == "phoneNumbers.value":
        return f"+49 89 {1234560 + 10 * place + version}-0"
    if mapped.kind in OF_ANOTHER_TYPE:
        return OF_ANOTHER_TYPE[mapped.kind][version]
    text = VALUES.get(name, (f"Prüfung {name}", f"Änderung {name}"))[version]
    return text if place == 0 or name in WITHOUT_SUFFIX else f"{text} {mapped.path.element}"


OF_ANOTHER_TYPE: dict[str, tuple[Any, Any]] = {
    "integer": (7, 12),
    "decimal": (0.5, 2.0),
    "dateTime": ("2024-02-29T00:00:00Z", "2026-01-31T00:00:00Z"),
    "binary": ("UHLDvGZ1bmc=", "w4RuZGVydW5n"),
}
"""Values of what is no text, by the type in the schema: before and after a change."""


def _name(mapped: Mapped) -> str:
    path = mapped.path
    return f"{path.attribute}.{path.sub_attribute}" if path.sub_attribute else path.attribute
