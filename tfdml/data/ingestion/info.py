"""What the catalogue says of an image set, and what an ingestion knows of a picture."""

from dataclasses import dataclass, field

from tfdml.data.download import RemoteFile


@dataclass(frozen=True)
class SetInfo:
    """The published facts of an image set.

    Attributes:
        name: As in `tfdml download NAME`.
        title: As its publishers write it.
        images, classes: Published counts, which an ingestion of the whole set is checked against.
        license: Licence or terms, one line.
        source: Address of the publisher's page.
        paper: Who published it, where and when.
        files: What is downloaded, a tuple of `RemoteFile`.
        splits: Published number of images in each retrieval split.
        image_size: Side of the pictures in pixels that an ingestion makes unless told otherwise.
        manual: What a person must fetch and where to put it, where nothing may be fetched automatically.
    """

    name: str
    title: str
    images: int
    classes: int
    license: str
    source: str
    paper: str
    files: tuple[RemoteFile, ...] = ()
    splits: dict[str, int] = field(default_factory=dict)
    image_size: int = 256
    manual: str | None = None

    @property
    def size(self):
        """Bytes to download, as far as they are known."""
        return sum(file.size or 0 for file in self.files)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a set.

    Attributes:
        class_id: The id that the set gives its class.
        source: Path inside the unpacked files, with `/`, or what else names the picture.
        retrieval: `"train"`, `"test"`, `"query"` or `"gallery"`, where the set has lists of its own.
        classification: `"train"`, `"validation"` or `"test"`; empty where it is in none.
    """

    class_id: str
    source: str
    retrieval: str = ""
    classification: str = ""
