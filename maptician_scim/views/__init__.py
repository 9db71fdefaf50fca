"""The endpoints: input, domain verb, answer."""
