"""What others publish and ours is held against: the AsyncAPI schema, and Microsoft's parser of KQL."""
