"""The feature store: extracted features under a key of everything that they depend on.

An entry is a folder of plain `.npy` files and a record, written to a temporary folder and renamed, and never changed
afterwards. Features are extracted in chunks of 64 cells; each finished chunk is one file in the folder
`<entry>.partial`, so that an interrupted run resumes. Every chunk and the record carry a SHA-256.

Who may write to a store: the user who owns it, through this package. Checksums detect damage, such as a decayed disk,
a truncated copy or a renamed folder; they do not detect a deliberate change, since a user who can write the values can
write matching checksums. So keep the store in a folder that only trusted users can write to, as the user's cache folder
is, and copy entries only from trusted stores. No file of a store is executed or unpickled; names and texts in it are
escaped before they are printed. Symbolic links in a store are not followed: an entry that is a link, or in a folder
that is one, is neither read nor written, and `bench features gc` leaves it. Pipes and devices are not opened for data.
The folder that `--store` names may itself be a link. Several processes may share a store on a file system with locks.
"""
