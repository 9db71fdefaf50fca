"""What is left when something breaks: workers that are killed, a database that fails, races.

On PostgreSQL only. ``THOROUGH=1`` tries what the suite tries in part in every place and many times.
"""

import os

THOROUGH = os.environ.get("THOROUGH") == "1"
