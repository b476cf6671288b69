"""The owner's side of the catalogue, and the platform's decisions about a salon."""
