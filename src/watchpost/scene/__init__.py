"""A synthetic scene with exact ground truth: people who walk past a camera."""
