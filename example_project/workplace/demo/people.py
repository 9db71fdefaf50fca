"""Who works at the companies of the demo: always the same people, complete in every attribute."""

# ruff: noqa: RUF001 - names are spelt as people spell them

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import product

from example_project.workplace.models import Company, Occupant

PEOPLE_PER_COMPANY = 40

GIVEN_NAMES = (
    *("Ada", "Björn", "Chloé", "Dmitri", "Élodie", "Farid", "Grace", "Håkon", "Inès", "Jürgen"),
    *("Katarzyna", "Łukasz", "Maja", "Nuria", "Özlem", "Priya", "Quentin", "Renée", "Søren"),
    *("Thảo", "Uma", "Víctor", "Wanjiru", "Ximena", "Yusuf", "Zoë", "Ελένη", "Олена", "さくら"),
    *("Amara", "Benoît", "Carmen", "Diego", "Emeka", "Freya", "Gülay", "Hannah", "Iker"),
    *("Jasmine", "Kwame"),
)
FAMILY_NAMES = (
    *("Andersson", "Baker", "Çelik", "Díaz", "Eriksen", "Fischer", "García", "Hughes"),
    *("Ito", "Jäger", "Kowalski", "Lefèvre", "Müller", "Nakamura", "O’Neill", "Peña", "Quist"),
    *("Råberg", "Schäfer", "Tanaka", "Ünal", "Van der Berg", "Wójcik", "Xu", "Yıldız", "Zhang"),
    *("Ærø", "Ibáñez", "Okafor", "Smith", "Papadopoulou"),
)
ROMANISED = {"Ελένη": "eleni", "Олена": "olena", "さくら": "sakura"}
# Letters that do not come apart into an ASCII letter and its accent.
ASCII_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "ł": "l", "ı": "i", "ß": "ss"})

TITLES = {
    "Engineering": ("Software Engineer", "Staff Engineer", "Site Reliability Engineer"),
    "Facilities": ("Workplace Coordinator", "Facilities Manager", "Space Planner"),
    "Finance": ("Accountant", "Financial Analyst", "Controller"),
    "People": ("Recruiter", "HR Business Partner", "Office Manager"),
    "Sales": ("Account Executive", "Sales Engineer", "Customer Success Manager"),
}
JOBS = tuple((department, title) for department, titles in TITLES.items() for title in titles)
CITIES = (
    ("Portland", "Oregon", "+1 503 555"),
    ("Zürich", "Zürich", "+41 44 555"),
    ("São Paulo", "São Paulo", "+55 11 5550"),
    ("Kraków", "Małopolska", "+48 12 555"),
    ("Dublin", "Leinster", "+353 1 555"),
    ("Montréal", "Québec", "+1 514 555"),
)
USER_TYPES = ("Employee", "Employee", "Employee", "Contractor", "Intern")


def people_of(company: Company, number: int) -> Iterator[Occupant]:
    """The people of one company, unsaved; ``number`` tells the companies apart."""
    yield local_administrator(company)
    for index in range(PEOPLE_PER_COMPANY):
        yield _person(company, number, index)


def local_administrator(company: Company) -> Occupant:
    """The one account that gets in when single sign-on is broken."""
    email = f"administrator@{company.subdomain}.example"
    return Occupant(
        company=company,
        username=username_for(email, company),
        email=email,
        first_name="Local",
        last_name="Administrator",
        job_title="Workplace Administrator",
        user_type="Service account",
        department="Facilities",
        organization=company.name,
        employee_number=f"{company.subdomain[:2].upper()}-1000",
        city=CITIES[0][0],
        region=CITIES[0][1],
        work_phone=f"{CITIES[0][2]} 0100",
        mobile_phone=f"{CITIES[0][2]} 0101",
        is_break_glass=True,
    )


def username_for(email: str, company: Company) -> str:
    """Usernames are unique over all companies; e-mail addresses are not."""
    return f"{email}@{company.subdomain}"


def _person(company: Company, number: int, index: int) -> Occupant:
    given = GIVEN_NAMES[index]
    family = FAMILY_NAMES[(7 * index + 5 * number) % len(FAMILY_NAMES)]
    email = f"{romanised(given)}.{romanised(family)}@{company.subdomain}.example"
    department, title = JOBS[(index + number) % len(JOBS)]
    city, region, area_code = CITIES[(index + number) % len(CITIES)]
    return Occupant(
        company=company,
        username=username_for(email, company),
        email=email,
        first_name=given,
        last_name=family,
        job_title=title,
        user_type=USER_TYPES[index % len(USER_TYPES)],
        department=department,
        organization=company.name,
        employee_number=f"{company.subdomain[:2].upper()}-{1001 + index}",
        city=city,
        region=region,
        work_phone=f"{area_code} {1000 + index}",
        mobile_phone=f"{area_code} {5000 + index}",
        is_active=index % 13 != 12,
    )


def romanised(name: str) -> str:
    """A name as it stands in an e-mail address: ``Łukasz`` is ``lukasz``."""
    lower = ROMANISED.get(name, name.lower()).translate(ASCII_LETTERS)
    apart = unicodedata.normalize("NFKD", lower)
    return "".join(letter for letter in apart if letter.isascii() and letter.isalnum())


def desk_labels(rows: str, seats: int) -> list[str]:
    """``A-01``, ``A-02``, ...: one for each seat of each row."""
    return [f"{row}-{seat:02}" for row, seat in product(rows, range(1, seats + 1))]
