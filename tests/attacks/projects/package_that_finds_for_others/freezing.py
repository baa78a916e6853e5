"""Its package puts a finder before all others, which gives lies for whatever is imported."""

from looks.harmless import freeze
