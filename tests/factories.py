"""Minimal valid objects of the example project; Traits are the variants."""

import factory

from example_project.workplace import models


class CompanyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = models.Company
        django_get_or_create = ("subdomain",)

    subdomain = factory.Sequence(lambda n: f"company{n}")
    name = factory.LazyAttribute(lambda o: o.subdomain.title())


class OccupantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = models.Occupant

    class Params:
        staff = factory.Trait(company=None, is_staff=True, is_superuser=True)
        break_glass = factory.Trait(is_break_glass=True)
        inactive = factory.Trait(is_active=False)

    company = factory.SubFactory(CompanyFactory, subdomain="acme")
    email = factory.Sequence(lambda n: f"person{n}@acme.example")
    username = factory.LazyAttribute(
        lambda o: f"{o.email}@{o.company.subdomain}" if o.company else o.email
    )
    first_name = factory.Sequence(lambda n: f"First{n}")
    last_name = factory.Sequence(lambda n: f"Last{n}")


class DeskFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = models.Desk

    class Params:
        company = factory.SubFactory(CompanyFactory, subdomain="acme")

    label = factory.Sequence(lambda n: f"D{n}")

    @factory.lazy_attribute
    def floor(self):
        location, _ = models.Location.objects.get_or_create(
            company=self.company, name="Head office", defaults={"city": "Köln"}
        )
        return models.Floor.objects.get_or_create(
            location=location, name="Ground floor", defaults={"level": 0}
        )[0]


class NeighbourhoodFactory(factory.django.DjangoModelFactory):
    """With ``desks``, as many free desks are in it."""

    class Meta:
        model = models.Neighbourhood
        skip_postgeneration_save = True

    class Params:
        company = factory.SubFactory(CompanyFactory, subdomain="acme")

    name = factory.Sequence(lambda n: f"Neighbourhood {n}")

    @factory.lazy_attribute
    def floor(self):
        return DeskFactory(company=self.company).floor

    @factory.post_generation
    def desks(self, create, count, **kwargs):
        DeskFactory.create_batch(count or 0, floor=self.floor, neighbourhood=self)


class TeamFactory(factory.django.DjangoModelFactory):
    """With ``members``, these people are in it."""

    class Meta:
        model = models.Team
        skip_postgeneration_save = True

    company = factory.SubFactory(CompanyFactory, subdomain="acme")
    name = factory.Sequence(lambda n: f"Team {n}")

    @factory.post_generation
    def members(self, create, people, **kwargs):
        self.members.add(*people or ())


class TeamMembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = models.TeamMembership

    class Params:
        lead = factory.Trait(is_lead=True)

    team = factory.SubFactory(TeamFactory)
    occupant = factory.SubFactory(OccupantFactory, company=factory.SelfAttribute("..team.company"))


class DeskOfferFactory(factory.django.DjangoModelFactory):
    """An offer to a member of a team, of a desk in its neighbourhood."""

    class Meta:
        model = models.DeskOffer

    team = factory.SubFactory(TeamFactory, neighbourhood=factory.SubFactory(NeighbourhoodFactory))

    @factory.lazy_attribute
    def occupant(self):
        return TeamMembershipFactory(team=self.team).occupant

    @factory.lazy_attribute
    def desk(self):
        place = self.team.neighbourhood
        return DeskFactory(floor=place.floor, neighbourhood=place)
