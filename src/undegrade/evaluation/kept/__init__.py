"""What is kept beside the rows for reports: pictures, maps, the commands."""
