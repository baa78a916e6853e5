"""What people see of a frame of estimates: a report as text, Markdown and HTML, a comment, figures."""
