"""The extension in CWL documents, for every edge that reads them: found, registered, evaluated."""
