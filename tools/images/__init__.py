"""The modules' images: their locks, their contents, and the proof that they run as the deployment wants them to."""
