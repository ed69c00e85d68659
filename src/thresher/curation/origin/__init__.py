"""Where clips come from: how a clip was made, and how clips descend from each other."""
