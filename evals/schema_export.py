"""`python -m redgreenbench.evals.schema_export` writes the JSON Schema that editors complete scenarios with."""

from __future__ import annotations

import json

from redgreenbench.evals.catalogue import HERE
from redgreenbench.evals.schema import ScenarioFile

if __name__ == "__main__":
    target = HERE / "scenarios" / "schema.json"
    target.write_text(
        json.dumps(ScenarioFile.model_json_schema(), indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    print(target)
