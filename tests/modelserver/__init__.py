"""A model that needs no key: a small server that speaks the providers' languages and plays a given conversation."""
