"""The ports in a database: the only room that knows SQLAlchemy and Alembic."""
