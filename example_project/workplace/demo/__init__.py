"""A small Maptician full of people, and Okta's conversation with it: ``manage.py demo``."""
