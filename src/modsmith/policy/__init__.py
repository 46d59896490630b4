"""What is not allowed: categories, severities, thresholds and the decision rule."""

from modsmith.policy.model import Category, Costs, Policy, PolicyExample, Severity, Thresholds
from modsmith.policy.read import BUILT_IN, load_policy, parse_policy

__all__ = [
    "BUILT_IN",
    "Category",
    "Costs",
    "Policy",
    "PolicyExample",
    "Severity",
    "Thresholds",
    "load_policy",
    "parse_policy",
]
