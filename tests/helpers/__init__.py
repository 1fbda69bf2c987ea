"""Small builders and runners that several tests share: `from helpers.builders import tiny_batch`."""
