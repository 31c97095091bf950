"""Numbers by name, in some 30 bytes each: what has to be known of every turn for as long as a trial runs."""

from array import array

__all__ = ["Ledger"]

# Each part grows by itself, so that nobody waits for all of it to be moved.
PARTS = 64
BEGINNING = 8


class Ledger:
    """A number of at least 0 for each name.

    A name is known by the 64 bits of its hash in this process: of three million names, two are taken for one in one
    ledger out of four million.
    """

    def __init__(self) -> None:
        self._parts = [Part() for _ in range(PARTS)]

    def get(self, name: str) -> int | None:
        """Return the number of a name; nothing for one that has none."""
        key = hash(name) or 1
        part = self._parts[key % PARTS]
        place = part.place(key)
        return part.numbers[place] if part.keys[place] else None

    def put(self, name: str, number: int) -> None:
        """Give a name its number, or another one."""
        key = hash(name) or 1
        self._parts[key % PARTS].put(key, number)

    def __len__(self) -> int:
        return sum(part.used for part in self._parts)


class Part:
    """A table of keys, each in the first free place from where it belongs."""

    def __init__(self) -> None:
        self.keys = array("q", bytes(8 * BEGINNING))
        self.numbers = array("q", bytes(8 * BEGINNING))
        self.used = 0

    def place(self, key: int) -> int:
        """Return the place of a key, or the free one where it would stand."""
        keys = self.keys
        last = len(keys) - 1
        at = key // PARTS & last
        while (found := keys[at]) and found != key:
            at = (at + 1) & last
        return at

    def put(self, key: int, number: int) -> None:
        """Put a key's number into its place."""
        at = self.place(key)
        self.numbers[at] = number
        if not self.keys[at]:
            self.keys[at] = key
            self.used += 1
            if 4 * self.used > 3 * len(self.keys):
                self._grow()

    def _grow(self) -> None:
        """Move everything into twice as many places."""
        pairs = [(key, number) for key, number in zip(self.keys, self.numbers, strict=True) if key]
        self.keys, self.numbers = (array("q", bytes(16 * len(self.keys))) for _ in range(2))
        for key, number in pairs:
            at = self.place(key)
            self.keys[at], self.numbers[at] = key, number
