"""The words: frozen values that know neither how they are stored nor how they are drawn."""
