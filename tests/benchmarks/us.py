"""The example project as it is measured."""

from example_project.wsgi import application as application
from tests.benchmarks import receivers

receivers.leave_out()
