"""Options of a run: one vocabulary for the command line, the configuration file and Python."""

from bench.options.declarations import OPTIONS, Options
from bench.options.reading import make_options

__all__ = ["OPTIONS", "Options", "make_options"]
