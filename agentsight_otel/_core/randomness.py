"""A random generator apart from ``random``'s: an application that seeds that one does not make our numbers repeat, and
our use does not change the application's numbers."""

import random

from agentsight_otel._core import process

numbers = random.Random()
"""The generator. Seeded by the operating system, and again in every forked child."""

process.in_child(process.Stage.IDS, numbers.seed)
