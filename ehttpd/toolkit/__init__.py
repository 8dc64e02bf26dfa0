"""What `ehttpd.native` offers beyond requests and responses: a file a concept, imported when it is first used."""
