"""What people said, kept for good: event files, blobs, rows, releases. `FeedbackStore` is the only door."""
