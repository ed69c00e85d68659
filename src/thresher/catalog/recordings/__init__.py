"""The rows of recordings and clips: where they are, who wrote them, and what was measured."""
