"""kvmedic finds out why a KVM host or its guests keep failing, and repairs it safely."""

__version__ = "0.1.0"
