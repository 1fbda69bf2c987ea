"""The command line: one public function per verb, with the same name; heavy imports happen inside.

Only the chosen verb's signature becomes a parser (jsonargparse), so `actionmae --help` imports nothing heavy.
"""

from actionmae.cli.command import VERBS, main

__all__ = ["VERBS", "main"]
