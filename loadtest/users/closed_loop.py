"""The closed loop: each user sends when its last answer came, as a client that waits does."""

from locust import task

from loadtest.users.variant_user import VariantUser


class ClosedLoopUser(VariantUser):
    """Sends the next request when the last was answered: one user is SingleStream, a few with large requests are
    Offline.
    """

    def on_start(self) -> None:
        """Open the one connection."""
        super().on_start()
        self._connection = self.connect()

    def on_stop(self) -> None:
        """Close the connection."""
        self._connection.close()

    @task  # type: ignore[untyped-decorator]
    def ask(self) -> None:
        """Ask once."""
        self.send(self._connection, self.draw())
