from example_project.workplace.models.teams import DeskOffer, Team, TeamMembership
from example_project.workplace.models.workplace import (
    ApiKey,
    Company,
    Desk,
    DeskAssignment,
    Floor,
    Location,
    Neighbourhood,
    Occupant,
)

__all__ = [
    "ApiKey",
    "Company",
    "Desk",
    "DeskAssignment",
    "DeskOffer",
    "Floor",
    "Location",
    "Neighbourhood",
    "Occupant",
    "Team",
    "TeamMembership",
]
