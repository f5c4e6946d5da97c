"""What the sets have in common whose pictures come in one archive."""

from tfdml.data.ingestion import DatasetIngestion


class OneArchive(DatasetIngestion):
    """A set whose pictures are in the first of its files. Sources are paths inside that archive."""

    @property
    def root(self):
        """Folder of what was in the archive."""
        return self.folder / self.info.files[0].name.partition(".")[0]

    def decompress(self):
        self.unpack(self.info.files[0].name)

    def payloads(self, samples):
        return (self.root / sample.source for sample in samples)
