"""The station: composes recipes, vision and drivers into a process, keeps the truth, serves people and the MES."""
