"""What Cloud Run removes by itself, without a word, when a quota is exceeded (Run's quotas page).

Both run inside the change of a service that exceeds it.
"""

from typing import Any

from loop.emulator.names import service_name
from loop.emulator.ports import key_of
from loop.emulator.quotas import Quotas
from loop.emulator.store import Kind, Store


class Retention:
    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._store = store
        self._quotas = quotas

    def tidy_tags(self, service: Any) -> None:
        """Takes tags without traffic out of `service.traffic`, the oldest first, where it brings one too many."""
        name = service_name(service.name)
        wanted = [key_of(name, target.tag) for target in service.traffic if target.tag]
        had = self._store.names(Kind.TAG, f"{service.name}#")
        new = [key for key in wanted if key not in had]
        self._remember(had, wanted, new)
        excess = len(self._store.names(Kind.TAG, f"{name.location}/services/")) - self._quotas.tags_per_region
        if not new or excess <= 0:
            return
        idle = {key_of(name, target.tag) for target in service.traffic if target.tag and not target.percent}
        gone = [key for key in had if key in idle][:excess]
        kept = [target for target in service.traffic if key_of(name, target.tag) not in gone]
        del service.traffic[:]
        service.traffic.extend(kept)
        for key in gone:
            self._store.delete(Kind.TAG, key)

    def forget_tags(self, service: str) -> None:
        for key in self._store.names(Kind.TAG, f"{service}#"):
            self._store.delete(Kind.TAG, key)

    def delete_old_revisions(self, service: Any) -> None:
        """The oldest that can not be reached, in the order of their making."""
        names = self._store.names(Kind.REVISION, f"{service.name}/revisions/")
        excess = len(names) - self._quotas.revisions_per_service
        if excess <= 0:
            return
        named = {target.revision for target in (*service.traffic, *service.traffic_statuses)}
        needed = {service.latest_created_revision, service.latest_ready_revision}
        needed |= {service_name(service.name).revision(short) for short in named if short}
        for name in [name for name in names if name not in needed][:excess]:
            self._store.delete(Kind.REVISION, name)

    def _remember(self, had: list[str], wanted: list[str], new: list[str]) -> None:
        for key in had:
            if key not in wanted:
                self._store.delete(Kind.TAG, key)
        for key in new:
            self._store.put_json(Kind.TAG, key, True)
