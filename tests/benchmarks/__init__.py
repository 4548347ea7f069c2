"""What is measured by hand, on machines that have what it takes."""
