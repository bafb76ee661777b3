"""Reading plain English: the document in sentences, and what each says about each setting."""
