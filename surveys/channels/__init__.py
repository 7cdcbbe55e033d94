"""Ways to reach people with a survey. Each module hands deliveries over and says what became of each.

What they have in common is base.py; which of them sends on which channel is registry.py.
"""
