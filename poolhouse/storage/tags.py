"""Tags of any resource, by its ARN."""

from poolhouse.storage.database import Batch, Database


class Tags:
    """Repository of resource tags."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, arn: str) -> dict[str, str]:
        rows = await self._database.fetch(
            "SELECT tag_key, tag_value FROM tags WHERE resource_arn = ? ORDER BY tag_key", arn
        )
        return {row[0]: row[1] for row in rows}

    def put(self, batch: Batch, arn: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            batch.add(
                "INSERT INTO tags (resource_arn, tag_key, tag_value) VALUES (?, ?, ?) "
                "ON CONFLICT (resource_arn, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
                arn,
                key,
                value,
            )

    def remove(self, batch: Batch, arn: str, keys: list[str]) -> None:
        for key in keys:
            batch.add("DELETE FROM tags WHERE resource_arn = ? AND tag_key = ?", arn, key)

    def clear(self, batch: Batch, arn: str) -> None:
        batch.add("DELETE FROM tags WHERE resource_arn = ?", arn)
