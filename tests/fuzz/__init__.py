"""A fuzzer: requests nobody would send, and a judge who knows what an answer has to look like.

``python -m tests.fuzz --help`` says how to run it. A seed decides which requests are made, so what
has been found is found again. Nothing here knows the code: schemas are read from ``/Schemas``.
"""
