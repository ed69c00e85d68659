"""What people use: the command line and the HTML report."""
