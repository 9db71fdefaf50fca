"""What is left when something breaks: workers that are killed, a database that fails, races.

On PostgreSQL only. ``THOROUGH=1`` tries what the suite tries in part in every place and many times.
"""

import os

THOROUGH = os.environ.get("THOROUGH") == "1"

KILL_AT = "X-Kill-At"
"""The header that names the step at which a worker is to kill itself."""

CUT_AT = "X-Cut-At"
"""The header that names the step at which a worker is to lose its connection to the database."""

STEPS = "X-Steps"
"""The header of an answer that says how many steps there were."""

FAULT = "X-Fault"
"""The header that names what is to go wrong in a receiver: ``tests.broken.faults``."""
