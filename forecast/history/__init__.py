"""Files of history into series per service, and what in them is no witness of ordinary demand."""

from forecast.history.reading import (
    TrafficHistory,
    check_history,
    open_history,
    read_contacts,
    read_orders,
)

__all__ = ["TrafficHistory", "check_history", "open_history", "read_contacts", "read_orders"]
