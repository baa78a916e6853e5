"""The leaderboard: rows out of logs, their ranks, and the static site that shows them."""
