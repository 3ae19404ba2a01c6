"""The version of the station's software, as it stands in every record."""

SOFTWARE_VERSION = "0.1.0"
