"""The audit of a corpus: what could be learnt from it instead of the policy, as a gate with limits."""

from modsmith.corpus.audit.checks import Audit, Check, audit_corpus
from modsmith.corpus.audit.report import print_audit, write_audit

__all__ = ["Audit", "Check", "audit_corpus", "print_audit", "write_audit"]
