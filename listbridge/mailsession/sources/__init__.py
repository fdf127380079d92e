"""Files in which other systems keep their mail sessions; each reader returns what they mean.

octets           a file's bytes, within limits
java_properties  the format of java.util.Properties
safe_xml         XML without entities or anything from elsewhere
liferay          portal-ext.properties
liferay_lists    the list settings of Liferay's categories, exported as CSV
plain            JavaMail's own properties, one in a line
tomcat           a Resource in context.xml, server.xml or ROOT.xml
weblogic         a mail-session in config.xml
websphere        a MailSession in resources.xml
detect           which of them a file is
"""
