"""From .eval logs to tables, intervals and figures; reads logs only, imports neither tasks nor scorers."""
