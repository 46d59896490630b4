"""modsmith forges a content moderator from a policy.

Stations, in the order data flows: policy -> corpus -> training -> judge -> evaluation.
"""

__version__ = "0.1.0"
