//! Nothing: the fuzz targets are programs of their own. README.md says how to run them.
