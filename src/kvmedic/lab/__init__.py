"""Disposable guests and hosts: where a failure is brought about, looked at, repaired and measured."""
