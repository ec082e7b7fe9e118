"""The tables of `benchmarks.orm_sync`, as SQLAlchemy's objects."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class AssetType(Base):
    """An asset type of an organization."""

    __tablename__ = "asset_types"
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class Site(Base):
    """A site of an organization."""

    __tablename__ = "sites"
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)


class Meter(Base):
    """A meter of an organization."""

    __tablename__ = "meters"
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str]


class Asset(Base):
    """An asset."""

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("organization_id", "external_asset_id"), UniqueConstraint("organization_id", "code"))
    asset_id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str]
    external_asset_id: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    asset_type: Mapped[str | None]
    site: Mapped[str | None]
    serial: Mapped[str | None]
    status: Mapped[str]
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    updated_at: Mapped[str]


class AssetMeter(Base):
    """A meter of an asset, and its latest reading."""

    __tablename__ = "asset_meters"
    asset_id: Mapped[str] = mapped_column(ForeignKey("assets.asset_id"), primary_key=True)
    meter_code: Mapped[str] = mapped_column(primary_key=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    expected: Mapped[bool] = mapped_column(default=False)
    last_seen: Mapped[str | None]
    missing: Mapped[int] = mapped_column(default=0)
    latest_value: Mapped[float | None]
    latest_at: Mapped[str | None]


class Reading(Base):
    """A reading of a meter of an asset."""

    __tablename__ = "readings"
    reading_id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("assets.asset_id"), index=True)
    meter_code: Mapped[str]
    recorded_at: Mapped[str]
    value: Mapped[float]
    source: Mapped[str]
    status: Mapped[str]
    note: Mapped[str | None]
