"""What happens before the first connection: from the operator's words to something that can be served."""
